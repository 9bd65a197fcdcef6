"""Certificates of servers on loopback, which no usual authority has signed."""

import ssl
import subprocess
from pathlib import Path


def certify(folder: Path, host: str = "127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """Make a self-signed certificate of a host; return its PEM file and the context of a server that has it."""
    certificate, key = folder / f"{host}.pem", folder / f"{host}.key"
    kind = "IP" if host[0].isdecimal() else "DNS"
    call = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        f" -subj /CN={host} -addext subjectAltName={kind}:{host} -keyout {key} -out {certificate}"
    )
    subprocess.run(call.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context
