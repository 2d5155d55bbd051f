"""
What the child processes do, one wire a module.

``serve_*(announce, **options)`` is a server: it calls ``announce(address)`` once it listens, and serves until
its process ends. ``client_*(address, **options)`` returns ``run(message, count)``, which sends *message* so
many times and gets as many replies. Imports are within the functions: a peer that is not installed fails
alone, and no client pays for the libraries of another.
"""
