"""The wire of provider protocol version 1: command line, handshake, data and control lines, results, framing.

Everything here is pure: bytes in, values out. The specification is `docs/reference/protocol.md`.
"""
