"""The Prefer header (RFC 7240): a client that waits for no reply."""

from werkzeug.http import parse_list_header


def wants_no_reply(prefer: str) -> bool:
    """Tell whether ``respond-async`` is among the preferences: in any case, maybe with parameters."""
    return any(
        preference.partition(";")[0].strip().lower() == "respond-async" for preference in parse_list_header(prefer)
    )
