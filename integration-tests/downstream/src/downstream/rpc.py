"""Calls of procedures: JSON in the messages of any transport."""

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from transport_base import OneWayClientTransport, ServerTransport, TransportError, serve

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
ContextT = TypeVar("ContextT")


class CallError(Exception):
    """The procedure failed, or there is none of that name."""


class Caller:
    """The side that calls, over a client transport of any kind."""

    def __init__(self, client: OneWayClientTransport) -> None:
        self._client = client

    def call(self, procedure: str, *arguments: Json) -> Json:
        """Call *procedure* and return its result."""
        try:
            reply = self._client.send_message(_request(procedure, arguments))
        except TransportError as exc:
            raise CallError(f"{procedure} can't be reached") from exc
        answer: Json = json.loads(reply)
        if isinstance(answer, dict) and "result" in answer:
            return answer["result"]
        if isinstance(answer, dict) and isinstance(error := answer.get("error"), str):
            raise CallError(error)
        raise CallError(f"{procedure} gave no answer to be understood")

    def notify(self, procedure: str, *arguments: Json) -> None:
        """Call *procedure* without waiting for it."""
        self._client.send_message(_request(procedure, arguments), expect_reply=False)


class Procedures:
    """The side that is called: a handler for :func:`transport_base.serve`."""

    def __init__(self, procedures: Mapping[str, Callable[[list[Json]], Json]]) -> None:
        self._procedures = procedures

    def __call__(self, message: str) -> str:
        """Return the answer to a request."""
        request: Json = json.loads(message)
        match request:
            case {"procedure": str(name), "arguments": list(arguments)} if name in self._procedures:
                try:
                    return json.dumps({"result": self._procedures[name](arguments)})
                except Exception as exc:
                    return json.dumps({"error": f"{name} failed: {exc}"})
            case _:
                return json.dumps({"error": "no such procedure"})


def offer(server: ServerTransport[ContextT], procedures: Procedures) -> None:
    """Serve *procedures* until *server* is closed."""
    serve(server, procedures)


def _request(procedure: str, arguments: tuple[Json, ...]) -> str:
    return json.dumps({"procedure": procedure, "arguments": list(arguments)})
