"""An address of a hospital with several machines, as a TCP load balancer has it."""

import socket
import threading


class Forwarder:
    def __init__(self, port, backend):
        """Hands connections to whatever port `backend` names at that moment."""
        self.backend = backend
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen(128)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            one, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(one,), daemon=True).start()

    def serve(self, one):
        port = self.backend()
        try:
            other = socket.create_connection(("127.0.0.1", port), timeout=5) if port else None
        except OSError:
            other = None
        if other is None:
            return one.close()
        other.settimeout(None)
        back = threading.Thread(target=self.copy, args=(other, one), daemon=True)
        back.start()
        self.copy(one, other)
        back.join()
        one.close()
        other.close()

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
