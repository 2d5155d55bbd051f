"""
Messages over HTTP: each one is the body of a POST request, and its reply is the body of the response.

The client rests on ``requests`` and takes its options: headers, authentication, TLS, proxies, cookies.
"""

from ._client import HttpPostClientTransport
from ._errors import HttpStatusError

__all__ = ["HttpPostClientTransport", "HttpStatusError"]

__version__ = "1.0.0"
