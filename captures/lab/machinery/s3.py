"""Requests of S3 by hand: what a client of one's own sends that signs (version 2 of the signature, which is short), and never retries."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac


def request(method: str, host: str, path: str, user: tuple[str, str], body: bytes = b"") -> bytes:
    """The head and body of a request for `path` ("/bucket/key"). `user`: key and secret."""
    key, secret = user
    date = email.utils.formatdate(usegmt=True)
    signed = hmac.new(secret.encode(), f"{method}\n\n\n{date}\n{path}".encode(), hashlib.sha1)
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Date: {date}",
            f"Authorization: AWS {key}:{base64.b64encode(signed.digest()).decode()}"]
    if method == "PUT":
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
