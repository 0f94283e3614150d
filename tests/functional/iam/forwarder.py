"""Stands in for session-manager-plugin: started as it is, it forwards the port as it does, and checks what it is told.

The version it claims is in FORWARDER_VERSION; with FORWARDER_FAILS it ends as the plugin does when the instance can't
be reached.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading


def main() -> None:
    """Arguments as the AWS CLI passes them: response, region, operation, profile, request, endpoint."""
    if sys.argv[1:] == ["--version"]:
        say(os.environ.get("FORWARDER_VERSION", "1.2.764.0"))
        return
    variable, _region, operation, _profile, request, _endpoint = sys.argv[1:]
    response = json.loads(os.environ[variable])
    assert operation == "StartSession"
    assert response["TokenValue"] not in " ".join(sys.argv), "the session's secret stands in argv"
    if os.environ.get("FORWARDER_FAILS"):
        say("Setting up data channel failed: the instance is not connected")
        sys.exit(1)
    parameters = json.loads(request)["Parameters"]
    listener = socket.create_server(("127.0.0.1", int(parameters["localPortNumber"][0])))
    say(f"Port {parameters['localPortNumber'][0]} opened for sessionId {response['SessionId']}.")
    say("Waiting for connections...")
    while True:
        near, _ = listener.accept()
        far = socket.create_connection((parameters["host"][0], int(parameters["portNumber"][0])))
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def pump(source: socket.socket, sink: socket.socket) -> None:
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
