"""
The transports beside their peers: the same work, in one run, interleaved round by round.

Every client and every server is a process of its own (`child.py`). What a process does is in `peers/`; which
of them meet is in `zmq_contests.py`, `http_contests.py`, `wsgi_contests.py` and `growth.py`.
"""
