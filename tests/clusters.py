"""A Spark cluster on loopback: a master and two workers, with what pyspark brings."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

WORKERS = 2


def need_spark() -> None:
    """Skip the test where Spark cannot run."""
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        pytest.skip("needs pyspark and Java: pip install 'poolscope[spark]', apt-get install openjdk-17-jre-headless")


class Cluster:
    """A running master and its workers."""

    def __init__(self, master: str, workers: list[subprocess.Popen[str]]) -> None:
        self.master, self.workers = master, workers

    def environment(self) -> dict[str, str]:
        """Return the environment of a driver."""
        return environment()


def environment() -> dict[str, str]:
    """Return an environment in which Spark uses loopback alone, and this Python."""
    return os.environ | {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "SPARK_NO_DAEMONIZE": "1",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster, and stop it at the end."""
    import pyspark  # noqa: PLC0415 - an extra

    program = Path(pyspark.__file__).parent / "bin" / "spark-class"

    with ExitStack() as stack:

        def start(name: str, *words: str, ready: str) -> tuple[subprocess.Popen[str], str]:
            """Start a server, and return it with what its log says when it is ready."""
            log = folder / f"{name}.log"
            file = stack.enter_context(log.open("w"))
            call = [str(program), f"org.apache.spark.deploy.{words[0]}", *words[1:], "--host", "127.0.0.1"]
            process = subprocess.Popen(call, stdout=file, stderr=file, env=environment(), cwd=folder, text=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            while process.poll() is None:
                if match := re.search(ready, log.read_text()):
                    return process, match[1]
            raise RuntimeError(log.read_text())

        _, master = start(
            "master",
            "master.Master",
            "--port",
            "0",
            "--webui-port",
            "0",
            ready=r"Starting Spark master at (spark://\S+)",
        )
        workers = []
        for number in range(WORKERS):
            words = ("worker.Worker", master, "--cores", "2", "--memory", "3g", "--webui-port", "0")
            process, _ = start(
                f"worker-{number}",
                *words,
                "--work-dir",
                str(folder / f"work-{number}"),
                ready=r"(Successfully registered)",
            )
            workers.append(process)
        yield Cluster(master, workers)


def stages(session: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a SparkSession; pyspark is an extra
    """Return all stages of a session's application, from Spark's REST interface."""
    context = session.sparkContext
    with urllib.request.urlopen(f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}/stages") as answer:  # noqa: S310 - Spark's own
        listed: list[dict[str, Any]] = json.load(answer)
    return listed
