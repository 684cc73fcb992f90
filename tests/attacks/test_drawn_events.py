"""What a page draws for one session alone is reached from no other, and checked like everything else."""

import pytest

from app.door import values

ADDRESSES = ("/gradio_api/run/predict", "/gradio_api/queue/join")
NO_EVENT = "names no event of this studio"


def ask(attacked, number, fn, address=ADDRESSES[0], **more):
    """Ask for an event as a page that was just opened would."""
    data = [None if part.stateful else getattr(part, "value", None) for part in fn.inputs]
    return attacked.client.post(address, json={"fn_index": number, "data": data} | more)


def answered(attacked):
    """The events that are drawn and that the server answers."""
    events = [(number, fn, session) for number, fn, session in attacked.drawn() if fn.fn is not None]
    assert len(events) >= 6 and not {number for number, *_ in events} & attacked.studio.fns.keys()
    return events


def test_they_are_answered_where_they_were_drawn(attacked):
    for number, fn, session in answered(attacked):
        answer = ask(attacked, number, fn, session_hash=session)
        assert answer.status_code == 200, answer.text


def test_a_request_draws_them(attacked):
    """As a browser has it: the page asks for what is drawn, and then for an event of that."""
    (render,) = [(number, fn) for number, fn in attacked.studio.fns.items() if fn.renderable]
    answer = ask(attacked, *render, session_hash="asks")
    assert answer.status_code == 200
    drawn = [event["id"] for event in answer.json()["render_config"]["dependencies"]]
    fns = attacked.studio.state_holder["asks"].blocks_config.fns
    assert drawn and all(number in fns for number in drawn)
    answers = [ask(attacked, number, fns[number], session_hash="asks") for number in drawn if fns[number].fn]
    assert [answer.status_code for answer in answers] == [200] * len(answers) and len(answers) >= 2
    ask(attacked, *render, session_hash="asks")
    for number in drawn:
        answer = ask(attacked, number, attacked.studio.fns[render[0]], session_hash="asks")
        assert answer.status_code == 422 and NO_EVENT in answer.text  # drawn anew, these are gone


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_other_session_reaches_them(attacked, address):
    assert attacked.studio.state_holder["another"]  # a page that drew nothing
    for number, fn, session in answered(attacked):
        for other in ("another", "never-opened", session.upper(), f"{session} ", "", None, [session], {session: 1}, 3):
            answer = ask(attacked, number, fn, address, session_hash=other)
            assert answer.status_code == 422 and NO_EVENT in answer.text and "open the page again." in answer.text
        answer = ask(attacked, number, fn, address)
        assert answer.status_code == 422 and NO_EVENT in answer.text
    assert "never-opened" not in attacked.studio.state_holder  # asking makes no session


def test_nobody_reaches_them_once_the_page_is_gone(attacked):
    events = answered(attacked)
    for session in {session for *_, session in events}:
        attacked.studio.state_holder._forget(session)
    for number, fn, session in events:
        answer = ask(attacked, number, fn, session_hash=session)
        assert answer.status_code == 422 and NO_EVENT in answer.text and "open the page again." in answer.text


def test_a_file_that_nobody_sent_is_no_value_of_theirs(attacked):
    for number, fn, session in answered(attacked):
        for place, part in enumerate(fn.inputs):
            if part._id in attacked.studio.blocks:
                continue
            data = [None] * len(fn.inputs)
            data[place] = {"path": str(attacked.canary), "meta": {"_type": values.FILE}}
            answer = ask(attacked, number, fn, session_hash=session, data=data)
            assert answer.status_code == 422 and "not uploaded here" in answer.text and not attacked.names(answer.text)


def test_too_few_values_are_one_sentence(attacked):
    for number, fn, session in answered(attacked):
        answer = ask(attacked, number, fn, session_hash=session, data=[None] * (len(fn.inputs) - 1))
        assert answer.status_code == 422 and f"a list of {len(fn.inputs)} values" in answer.text
