import transport_zmq


def test_all_lists_every_public_name() -> None:
    public = {name for name in vars(transport_zmq) if not name.startswith("_")}
    assert set(transport_zmq.__all__) == public
    assert list(transport_zmq.__all__) == sorted(transport_zmq.__all__)
