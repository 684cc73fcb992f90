"""Waiting for the warm process: never without limit, and what one request does to the process costs that request only."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import psutil
import pytest

from backends.api.errors import Busy, LetheError
from backends.api.limits import limits
from backends.api.line import GivenUp, Room
from backends.api.live import Live
from backends.api.warm import ENDED

PROCESS = """
import json, os, queue, signal, sys, threading, time
lines = queue.SimpleQueue()
threading.Thread(target=lambda: [lines.put(json.loads(line)) for line in sys.stdin], daemon=True).start()
print(json.dumps({"ready": True}), flush=True)
while True:
    asked = lines.get()
    op = asked.get("op")
    if op == "sleep":
        time.sleep(1000)
    elif op == "eat":
        held = []
        while True:
            held.append(bytearray(b"x") * 10_000_000)
            time.sleep(0.01)
    elif op == "count":
        number = 0
        while lines.empty():
            print(json.dumps({"piece": number}), flush=True)
            number += 1
            time.sleep(0.02)
        lines.get()
    elif op == "talk":
        while True:
            print(json.dumps({"piece": 0}), flush=True)
            time.sleep(0.02)
    if op:
        print(json.dumps({"ok": os.getpid()}), flush=True)
"""


@pytest.fixture
def limit(monkeypatch):
    """Set limits: limit(answer_seconds=1)."""

    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"LETHE_{name.upper()}", str(value))
        limits.cache_clear()

    yield put
    monkeypatch.undo()
    limits.cache_clear()


@pytest.fixture
def make(monkeypatch):
    """Pipes to processes that do as they are told instead of opening models."""
    made, popen = [], subprocess.Popen
    monkeypatch.setattr(
        "backends.api.warm.subprocess.Popen", lambda _, **how: popen([sys.executable, "-c", PROCESS], **how)
    )

    def one(*given, **how):
        made.append(Live(*given, **how))
        return made[-1]

    yield one
    for live in made:
        live.stop()


def asked(live, op, visitor=""):
    """What `ask` gave or raised."""
    try:
        return live.ask(op, visitor=visitor)
    except LetheError as error:
        return error


def waiting(live, count):
    """Wait until that many wait for their turn."""
    room = live._line._room
    with room.changed:
        assert room.changed.wait_for(lambda: len(room.tickets) == count, 30)


def over(pid):
    """Whether the process has ended, or does so now."""
    for _ in range(600):
        if not psutil.pid_exists(pid):
            return True
        time.sleep(0.05)
    return False


def test_a_process_that_stands_still_is_replaced_and_the_rest_is_answered_or_refused_at_once(make, limit):
    limit(answer_seconds=3, wait_seconds=60, waiting_looks=20)
    live = make()
    first = live.ask("pid")
    os.kill(first, signal.SIGSTOP)
    with ThreadPoolExecutor(45) as pool:
        answers = [future.result() for future in [pool.submit(asked, live, "pid", str(at)) for at in range(45)]]
    busy = [one for one in answers if isinstance(one, Busy)]
    late = [one for one in answers if isinstance(one, LetheError) and not isinstance(one, Busy)]
    right = {one for one in answers if isinstance(one, int)}
    assert {str(one) for one in busy} == {"The studio is answering others; ask again in a moment."}
    assert [str(one) for one in late] == ["This took longer than 3 seconds, so it was stopped; ask for less."]
    assert len(right) == 1 and first not in right and len(busy) == 24
    assert over(first)


def test_pages_are_answered_while_forty_five_wait_for_a_process_that_stands_still(make, limit):
    limit(answer_seconds=60, wait_seconds=60, waiting_looks=20)
    live = make()
    os.kill(live.ask("pid"), signal.SIGSTOP)

    async def visits():
        async with anyio.create_task_group() as group:
            for at in range(45):
                group.start_soon(anyio.to_thread.run_sync, asked, live, "pid", str(at))
            await anyio.to_thread.run_sync(waiting, live, 20)
            with anyio.fail_after(30):  # a page's handler gets a thread of the pool that pages are answered in
                page = await anyio.to_thread.run_sync(lambda: "a page")
            live.stop()
        return page

    with ThreadPoolExecutor(1) as apart:  # a browser of other tests may hold this thread's loop
        assert apart.submit(anyio.run, visits).result() == "a page"


def test_who_waits_hears_at_once_that_it_was_stopped_and_starts_no_other_process(make, limit):
    limit(answer_seconds=60, wait_seconds=60, waiting_looks=20)
    live = make()
    first = live.ask("pid")
    os.kill(first, signal.SIGSTOP)
    with ThreadPoolExecutor(21) as pool:
        answers = [pool.submit(asked, live, "pid", str(at)) for at in range(21)]
        waiting(live, 20)
        live.stop()
        assert {str(answer.result(30)) for answer in answers} == {ENDED}
    assert str(asked(live, "pid")) == ENDED and live._warm is None and over(first)
    live.reopen()
    assert live.ask("pid") != first


def test_who_waits_too_long_is_told_to_ask_again_and_the_one_that_is_answered_goes_on(make, limit):
    limit(answer_seconds=60, wait_seconds=0.5)
    live = make()
    pid, words = live.ask("pid"), live.stream("count")
    next(words)
    assert isinstance(asked(live, "pid"), Busy)
    words.close()
    limit(wait_seconds=60)
    assert live.ask("pid") == pid


def test_the_time_that_a_process_needs_to_start_is_not_waited_for(make, limit, monkeypatch):
    limit(wait_seconds=0.3)
    live = make()
    monkeypatch.setattr(sys.modules[__name__], "PROCESS", PROCESS.replace("print(", "time.sleep(2); print(", 1))
    with ThreadPoolExecutor(5) as pool:
        found = set(pool.map(lambda at: asked(live, "pid", str(at)), range(5)))
    assert len(found) == 1 and isinstance(found.pop(), int)


def test_memory_without_end_costs_its_own_answer_only(make, monkeypatch):
    monkeypatch.setenv("LETHE_MEMORY_LIMIT", "200MB")
    live = make()
    first = live.ask("pid")
    assert "of memory, more than the limit of 0.2 GB" in str(asked(live, "eat"))
    assert live.ask("pid") != first


def test_signs_of_life_give_a_long_answer_time_but_not_for_ever(make, limit):
    limit(answer_seconds=0.5, look_seconds=2)
    live = make()
    first = live.ask("pid")
    words = live.stream("talk")
    with pytest.raises(LetheError, match="longer than 2 seconds"):
        list(words)
    assert live.ask("pid") != first


@pytest.mark.parametrize(("op", "same"), [("count", True), ("talk", False), ("sleep", False)])
def test_a_question_that_is_given_up_ends_and_the_next_finds_a_process(make, op, same):
    live = make(grace=0.5)
    first, gone, ends = live.ask("pid"), threading.Event(), []

    def listen():
        try:
            list(live.stream(op, cancelled=gone))
        except LetheError as error:
            ends.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    with live._line._room.changed:
        assert live._line._room.changed.wait_for(lambda: live._line._taken, 30)
    gone.set()
    assert (live.ask("pid") == first) == same  # one that heeds the word stays, any other is ended
    thread.join(30)
    assert isinstance(ends[0], GivenUp)


def test_one_who_waits_can_give_up_and_leaves_the_line(make, limit):
    limit(wait_seconds=60)
    live = make(grace=0.5)
    holder = live.stream("count")
    next(holder)
    gone, ends = threading.Event(), []

    def listen():
        try:
            list(live.stream("pid", cancelled=gone))
        except LetheError as error:
            ends.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    waiting(live, 1)
    gone.set()
    thread.join(30)
    assert isinstance(ends[0], GivenUp)
    waiting(live, 0)
    assert next(holder) >= 0
    holder.close()


def test_a_visitor_takes_a_share_of_the_places_and_visitors_take_turns(make, limit):
    limit(wait_seconds=60, waiting_looks=8)
    live, order = make(), []
    holder = live.stream("count", visitor="first")
    next(holder)

    def ask(visitor):
        answer = asked(live, "pid", visitor)
        order.append("busy" if isinstance(answer, Busy) else visitor)

    threads = []
    for at, visitor in enumerate(("greedy", "greedy", "greedy", "other")):
        threads.append(threading.Thread(target=ask, args=(visitor,)))
        threads[-1].start()
        if visitor == "greedy" and at == 2:
            threads[-1].join(30)
        else:
            waiting(live, min(at, 2) + 1)
    holder.close()
    for thread in threads:
        thread.join(30)
    assert order == ["busy", "greedy", "other", "greedy"]


def test_two_processes_share_the_places_of_those_who_wait(make, limit):
    limit(wait_seconds=60, waiting_looks=1)
    room = Room()
    quick, long = make(room), make(room)
    holders = [live.stream("count") for live in (quick, long)]
    for one in holders:
        next(one)
    thread = threading.Thread(target=asked, args=(quick, "pid"))
    thread.start()
    waiting(quick, 1)
    assert isinstance(asked(long, "pid"), Busy)
    for one in holders:
        one.close()
    thread.join(30)


def test_a_process_is_there_again_before_the_next_request(make):
    live = make()
    first = live.ask("pid")
    answer = live.stream("talk")
    next(answer)  # it works now: killed before, the request would only have started the next process
    os.kill(first, signal.SIGKILL)
    with pytest.raises(LetheError, match="ended while it worked; ask again"):
        list(answer)
    warm = live._warm
    assert warm is not None and warm.alive and warm.pid != first
    assert live.ask("pid") == warm.pid
