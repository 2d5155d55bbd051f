"""The Prefer header (RFC 7240): a client that waits for no reply."""

from werkzeug.http import parse_list_header


def wants_no_reply(prefer: str) -> bool:
    """Tell whether ``respond-async`` is among the preferences: in any case, maybe with parameters."""
    return any(_is_respond_async(preference) for preference in parse_list_header(prefer))


def _is_respond_async(preference: str) -> bool:
    name, equals, value = preference.partition(";")[0].partition("=")
    # An empty value is the same as none (section 2).
    return name.strip().lower() == "respond-async" and (not equals or value.strip() == '""')
