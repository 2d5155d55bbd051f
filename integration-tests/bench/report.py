from pathlib import Path


def write(results: Path) -> None:
    raise NotImplementedError
