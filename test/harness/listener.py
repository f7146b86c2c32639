# SPDX-License-Identifier: Apache-2.0
"""An HTTP server of a test's own, in a thread; over TLS if it is given a certificate."""

import http.server
import ssl
import threading


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, *_):
        pass  # who sent it has gone


class Listener:
    """`handlers`: {"POST": a function that is given the BaseHTTPRequestHandler, and answers}."""

    def __init__(self, handlers, port=0, certificate=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

        for method, handler in handlers.items():
            setattr(Handler, f"do_{method}", lambda request, handler=handler: handler(request))
        self._server = _Server(("127.0.0.1", port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            # The handshake is for the thread of the connection: who does not finish it stops nobody.
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
