"""What ZeroGPU does, without one: it forks for a call, pickles what goes in and out, counts the seconds, and refuses when they are used up."""

import inspect
import multiprocessing
import os
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr


class ZeroGPU:
    """Stands for the package `spaces`.

    Attributes:
        left: seconds that the visitor has.
        asked: what each call asked for.
        took: seconds that each took.
        forks: their processes.
    """

    def __init__(self, left: float) -> None:
        self.left = left
        self.asked: list[float] = []
        self.took: list[float] = []
        self.forks: list[int] = []

    def GPU(self, *, duration: float) -> Callable[[Any], Any]:  # noqa: N802  as `spaces` has it
        """The decorator, for generators."""

        def decorated(task: Any) -> Any:
            assert inspect.isgeneratorfunction(task)

            def call(*arguments: Any) -> Iterator[Any]:
                self._allow(duration)
                yield from self._forked(task, arguments)

            return call

        return decorated

    def _allow(self, duration: float) -> None:
        self.asked.append(duration)
        if duration > self.left:
            sentence = f"You have exceeded your free ZeroGPU quota ({duration}s requested vs. {self.left:.0f}s left). Try again in 1:00:00. "
            raise gr.Error(sentence, title="ZeroGPU quota exceeded", print_exception=False)

    def _forked(self, task: Any, arguments: tuple[Any, ...]) -> Iterator[Any]:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        ending = context.Event()

        def child() -> None:
            try:
                for piece in task(*pickle.loads(pickle.dumps(arguments))):
                    if ending.is_set():
                        break
                    theirs.send(piece)
                theirs.send(StopIteration)
            except BaseException as error:
                theirs.send(type(error).__name__)
            os._exit(0)

        process = context.Process(target=child, daemon=True)
        begun = time.monotonic()
        process.start()
        theirs.close()
        assert process.pid is not None
        self.forks.append(process.pid)
        try:
            while (piece := self._received(ours)) is not StopIteration:
                if isinstance(piece, str):
                    raise gr.Error(piece, title="ZeroGPU worker error", print_exception=False)
                yield piece
        except GeneratorExit:
            ending.set()
            raise
        finally:
            process.join()
            self.took.append(time.monotonic() - begun)
            self.left -= self.took[-1]

    @staticmethod
    def _received(pipe: Any) -> Any:
        try:
            return pipe.recv()
        except EOFError:
            return "GPU task aborted"
