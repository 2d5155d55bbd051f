"""The transports at work: real servers, real clients, real input, and what came of it."""
