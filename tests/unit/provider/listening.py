"""Pulumi's engine, as far as providers log to it."""

import threading
from concurrent import futures

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class Engine(engine_pb2_grpc.EngineServicer):
    """A running engine that remembers every line, in the order in which they were sent.

    Args:
        address: Where to listen; a free port if it is empty.

    Attributes:
        answers: Cleared while the engine is too slow to answer.
    """

    def __init__(self, address: str = "127.0.0.1:0") -> None:
        self.lines: list[engine_pb2.LogRequest] = []
        self.answers = threading.Event()
        self.answers.set()
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
        engine_pb2_grpc.add_EngineServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port(address)}"
        self._server.start()

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        self.lines.append(request)
        self.answers.wait()
        return empty_pb2.Empty()

    @property
    def texts(self) -> list[str]:
        return [line.message for line in self.lines]

    def stop(self) -> None:
        self.answers.set()
        self._server.stop(None).wait()
