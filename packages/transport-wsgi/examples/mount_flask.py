"""The service at ``/rpc`` of a Flask application, as ``mount_flask:app``."""

from flask import Flask
from service import app as service
from werkzeug.middleware.dispatcher import DispatcherMiddleware

flask = Flask(__name__)


@flask.get("/")
def index() -> str:
    """Return a page of the application's own."""
    return "a page"


app = DispatcherMiddleware(flask, {"/rpc": service})
