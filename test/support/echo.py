"""UDP echoes on a way that may lose a datagram, the first one while the neighbour is looked for."""

PREFIX = b"echo "
TRIES, TIMEOUT_S = 20, 0.5


def serve(sock):
    """Answers for ever."""
    while True:
        try:
            data, sender = sock.recvfrom(65536)
        except TimeoutError:
            continue
        sock.sendto(PREFIX + data, sender)


def ask(sock, data, destination):
    """Sends it until its echo comes; fails when none does."""
    before = sock.gettimeout()
    sock.settimeout(TIMEOUT_S)
    for _ in range(TRIES):
        sock.sendto(data, destination)
        try:
            while sock.recv(65536) != PREFIX + data:
                pass  # the echo of an earlier one
            break
        except TimeoutError:
            pass
    else:
        raise TimeoutError(f"no echo of {len(data)} bytes")
    sock.settimeout(before)
