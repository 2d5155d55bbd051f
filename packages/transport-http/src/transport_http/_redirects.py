"""Which redirects are followed: those that keep method and body, on the same origin."""

from urllib.parse import SplitResult, urljoin, urlsplit

# Temporary and permanent redirect, which keep the method and the body: RFC 9110, sections 15.4.8 and 15.4.9.
REDIRECTS = (307, 308)
MAX_REDIRECTS = 5


def on_same_origin(url: str, location: str) -> str | None:
    """Return where *location* leads to from *url*; ``None`` if that is another origin, or nowhere."""
    try:
        target = urlsplit(urljoin(url, location))
        if _origin(target) != _origin(urlsplit(url)):
            return None
    except ValueError:
        return None
    # The user name and password of the endpoint stay.
    return target._replace(netloc=urlsplit(url).netloc, fragment="").geturl()


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Return what RFC 6454 compares, with the port spelt out."""
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
