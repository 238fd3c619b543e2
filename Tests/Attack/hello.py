"""Prints the first flight of a TLS client in hexadecimal, for the C load client's --hello."""

import wire

print(wire.client_hello().hex())
