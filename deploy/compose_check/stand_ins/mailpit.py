#!/usr/bin/env python3
"""Accepts every mail on port 1025 and answers on port 8025, as Mailpit does; `mailpit readyz` asks whether it runs."""

import os
import socketserver
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 inbox\r\n")
        while line := self.rfile.readline():
            match line[:4].upper().strip():
                case b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass
                    self.wfile.write(b"250 kept\r\n")
                case b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                case _:
                    self.wfile.write(b"250 OK\r\n")


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


if sys.argv[1:] == ["readyz"]:
    urllib.request.urlopen("http://127.0.0.1:8025/readyz", timeout=3)
else:
    Path(os.environ["MP_DATABASE"]).touch()  # its volume can be written
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    threading.Thread(target=socketserver.ThreadingTCPServer(("", 1025), Mail).serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", 8025), Page).serve_forever()
