"""A proxy of TCP before the public address of a daemon, or before S3: it delays, loses and damages."""

import asyncio
import random
import socket
import threading
from dataclasses import dataclass, field

CHUNK = 1 << 15


@dataclass
class Conduct:
    """What is done to connections from now on."""

    delay: float = 0  # seconds, for each chunk in each direction
    loss: float = 0  # of a chunk: how likely the connection breaks before it
    corrupts: float = 0  # of a chunk of answers: how likely a bit of it is another
    refuses: bool = False  # nobody is let in


@dataclass
class Counts:
    connections: int = 0
    delayed: int = 0
    lost: int = 0
    corrupted: int = 0
    refused: int = 0
    held: int = 0


@dataclass
class Proxy:
    """From one address to another, each in the namespace of a party."""

    name: str
    listening: socket.socket
    target: tuple
    inside: str | None  # in whose namespace the target is; None for that of the runner
    party: str  # who is reached by it
    conduct: Conduct = field(default_factory=Conduct)
    counts: Counts = field(default_factory=Counts)


class Proxies:
    """All of a run, in a thread of their own."""

    def __init__(self, network, seed):
        self.network, self.random = network, random.Random("proxies %d" % seed)
        self.proxies = {}
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def add(self, name, at, listen, target, inside, party=None):
        """
        - at: in whose namespace it listens.
        - party: who is reached by it, if it is not called by that name.

        Returns the port.
        """
        listening = self.network.socket(at)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(listen)
        listening.listen(256)
        listening.setblocking(False)
        proxy = self.proxies[name] = Proxy(name, listening, target, inside, party or name)
        asyncio.run_coroutine_threadsafe(self._accept(proxy), self.loop)
        return listening.getsockname()[1]

    async def _accept(self, proxy):
        while True:
            try:
                connection, peer = await self.loop.sock_accept(proxy.listening)
            except OSError:
                return
            proxy.counts.connections += 1
            if proxy.conduct.refuses:
                proxy.counts.refused += 1
                connection.close()
                continue
            self.loop.create_task(self._serve(proxy, connection, peer))

    async def _serve(self, proxy, connection, peer):
        upstream = self.network.socket(proxy.inside)
        caller = self.network.caller(peer, proxy.listening.getsockname())
        for one in (connection, upstream):
            one.setblocking(False)
        try:
            await self.loop.sock_connect(upstream, proxy.target)
            pumps = [
                self.loop.create_task(self._pump(proxy, connection, upstream, caller, False)),
                self.loop.create_task(self._pump(proxy, upstream, connection, caller, True)),
            ]
            done, waiting = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            # Who has said all may still be answered; what broke is over.
            if waiting and not any(pump.exception() for pump in done):
                await asyncio.wait(waiting, timeout=30)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass
        finally:
            connection.close()
            upstream.close()

    async def _pump(self, proxy, source, sink, caller, is_answer):
        while True:
            data = await self.loop.sock_recv(source, CHUNK)
            while self.network.holds_back(caller, proxy.party):
                proxy.counts.held += 1
                await asyncio.sleep(0.2)
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            conduct = proxy.conduct
            if conduct.delay:
                proxy.counts.delayed += 1
                await asyncio.sleep(conduct.delay)
            if conduct.loss and self.random.random() < conduct.loss:
                proxy.counts.lost += 1
                # Without a word of TLS, as when a machine on the way is gone.
                for one in (source, sink):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                raise ConnectionResetError
            if is_answer and conduct.corrupts and self.random.random() < conduct.corrupts:
                proxy.counts.corrupted += 1
                place = self.random.randrange(len(data))
                data = data[:place] + bytes([data[place] ^ 1 << self.random.randrange(8)]) + data[place + 1:]
            await self.loop.sock_sendall(sink, data)

    def heal(self):
        for proxy in self.proxies.values():
            proxy.conduct = Conduct()

    def stop(self):
        async def end():
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        for proxy in self.proxies.values():
            proxy.listening.close()
