"""
The site: ``hatch run docs:build`` makes it of the READMEs, of ``packages/*/docs/``, and of the docstrings.

Each page lives with the distribution that it is about. Sphinx therefore reads the repository from its root, so that
a relative link means the same on the site as in a checkout. This file belongs to no distribution, hence its place.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

ROOT = Path(__file__).resolve().parents[2]

project = "transports"
author = "the authors of transports"
project_copyright = author
html_title = "transports"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "README"
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "packages/*/*.md",
    "packages/*/docs/**",
    "integration-tests/bench/*.md",
]

# With `-W` on the command line, each of these makes the build fail: a reference or an anchor that leads nowhere.
nitpicky = True
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
python_use_unqualified_type_names = True
maximum_signature_line_length = 88
add_module_names = False
napoleon_use_rtype = False

# Names from other projects. Inventories of theirs would need the network at each build.
nitpick_ignore_regex = [
    ("py:.*", r"(collections|types|typing|wsgiref|requests|zmq|queue|gevent|http|asyncio|concurrent|contextlib)\..*"),
    ("py:.*", r"(str|bytes|int|float|bool|object|None|Any|Self|TracebackType|WSGIEnvironment|StartResponse|Unpack)"),
    ("py:.*", r"(BaseException|Exception|TypeError|ValueError|TimeoutError|ConnectionError|KeyboardInterrupt)"),
    ("py:.*", r"(SystemExit|OSError|RuntimeError|NotImplementedError|optional|\.\.\.|EllipsisType|Mapping)"),
    ("py:.*", r"(.*\.)?(ContextT|Handler|OnError|SocketOptions|OptionT)"),
    ("py:.*", r"(.*\.)?(OwnSocket|WaitingQueue|RequestOptions|Promise|promises|ClientT_co)"),
]

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["extra"]
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
pygments_style = "friendly"
pygments_dark_style = "monokai"

# What only the site needs in its front page, which is the README of the repository.
CONTENTS = (ROOT / ".ci/docs/contents.txt").read_text(encoding="utf-8")


def _add_contents(_app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == root_doc:
        source[0] += "\n" + CONTENTS


def _public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement
) -> nodes.reference | None:
    """Resolve what a signature calls ``transport_zmq._envelope.Envelope`` to the name that users import it by."""
    if node.get("refdomain") != "py":
        return None
    target: str = node["reftarget"]
    python = env.get_domain("py")
    # Errors of the base are known by their bare names in all packages, and so are the methods of its interfaces.
    public = [re.sub(r"^(transport_\w+)\.(?:_\w+\.)+", r"\1.", target)]
    public += [f"transport_base.{target}", f"transport_base.ServerTransport.{target}"]
    public.append(public[0].replace("transport_base.", "transport_base.contract."))
    for name in public:
        found = python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], name, node, text)
        if found is not None:
            return found
    return None


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    app.connect("source-read", _add_contents)
    app.connect("missing-reference", _public_name)
