"""A Jibri for tests: its two HTTP ports on loopback, and how it answers a graceful shutdown."""

import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEALTH_PATH = "/jibri/api/v1.0/health"
INTERNAL_PATH = "/jibri/api/internal/v1.0"


class Jibri:
    """Answers as jibri's HttpApi.kt and InternalHttpApi.kt do.

    `shutdown` is what it does when asked for its graceful shutdown: `exit` (at once, after a reply), `exit soon`
    (the reply is faster), `reset` (exits, and the reply never arrives), `defer` (it is busy) or `fail` (an error).
    """

    def __init__(self, busy_status="IDLE", health_status="HEALTHY", shutdown="exit", body=None, http_status=200):
        self.shutdown = shutdown
        self.http_status = http_status
        health = {"healthStatus": health_status, "details": {}}
        self.body = body or json.dumps({"status": {"busyStatus": busy_status, "health": health}}).encode()
        self.requests = []
        self.hangs = False
        self.closed = threading.Event()
        jibri = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                jibri.answer(self, HEALTH_PATH)

            def do_POST(self):
                jibri.answer(self, INTERNAL_PATH + "/gracefulShutdown")

            def log_message(self, *_):
                pass

        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        health_port, internal_port = (server.server_port for server in self.servers)
        self.environment = {
            "JIBRI_HEALTH_URL": f"http://127.0.0.1:{health_port}{HEALTH_PATH}",
            "JIBRI_INTERNAL_URL": f"http://127.0.0.1:{internal_port}{INTERNAL_PATH}",
        }

    def answer(self, handler, path):
        self.requests.append(f"{handler.command} {handler.path}")
        if self.hangs:
            return self.closed.wait()
        if handler.path != path:
            return handler.send_error(404)
        if handler.command == "GET":
            return self.reply(handler, self.http_status, self.body)
        if self.shutdown == "fail":
            return handler.send_error(500)
        if self.shutdown in ("exit", "reset"):
            self.stop_listening()
        if self.shutdown == "exit soon":
            threading.Timer(0.6, self.stop_listening).start()
        if self.shutdown == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return handler.connection.close()
        return self.reply(handler, 200, b"")

    @staticmethod
    def reply(handler, status, body):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def hang(self):
        """From now on its ports accept and it never answers."""
        self.hangs = True

    def stop_listening(self):
        """Its process exits: from now on its ports refuse."""
        for server in self.servers:
            server.shutdown()
            server.socket.close()

    def close(self):
        self.closed.set()
        self.stop_listening()

    @property
    def shutdown_requests(self):
        return [request for request in self.requests if request.startswith("POST")]
