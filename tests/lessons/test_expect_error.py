"""Errors that are meant to happen, and those that are not."""

import doctest

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

import helpers.lessons
from helpers.lessons import LessonError, expect_error


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "AnyCall")


def test_the_expected_refusal_is_kept() -> None:
    with expect_error("AccessDenied") as answer:
        raise refusal("AccessDenied", "you <b>may</b> not")
    assert (answer.code, answer.message) == ("AccessDenied", "you <b>may</b> not")
    assert str(answer) == repr(answer) == "AccessDenied: you <b>may</b> not"
    assert "AccessDenied" in answer._repr_html_()
    assert "<b>may" not in answer._repr_html_()


def test_one_of_several_codes_will_do() -> None:
    with expect_error("AccessDenied", "UnauthorizedOperation") as answer:
        raise refusal("UnauthorizedOperation")
    assert answer.code == "UnauthorizedOperation"


def test_a_call_that_succeeds_is_a_failure() -> None:
    with pytest.raises(LessonError, match="AccessDenied, but the call succeeded"), expect_error("AccessDenied"):
        pass


def test_another_refusal_is_a_failure_that_names_both() -> None:
    told = pytest.raises(LessonError, match="with AccessDenied, but it answered Throttling: slow down")
    with told as caught, expect_error("AccessDenied"):
        raise refusal("Throttling", "slow down")
    assert isinstance(caught.value.__cause__, ClientError)


@pytest.mark.parametrize("problem", [NameError("no ec2"), EndpointConnectionError(endpoint_url="http://x")])
def test_what_is_no_answer_of_aws_is_a_failure(problem: Exception) -> None:
    told = pytest.raises(LessonError, match=f"the cell itself failed: {type(problem).__name__}")
    with told as caught, expect_error("AccessDenied"):
        raise problem
    assert caught.value.__cause__ is problem


def test_an_interruption_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt), expect_error("AccessDenied"):
        raise KeyboardInterrupt


def test_a_lesson_error_is_an_assertion_error() -> None:
    assert issubclass(LessonError, AssertionError)


def test_without_a_code_there_is_nothing_to_expect() -> None:
    with pytest.raises(ValueError, match="Name the error code"):
        expect_error()


def test_a_cell_that_runs_again_forgets_the_answer_before() -> None:
    answer = expect_error("AccessDenied")
    with answer:
        raise refusal("AccessDenied")
    with pytest.raises(LessonError), answer:
        pass
    assert answer.code == ""
    assert "waiting for AccessDenied" in answer._repr_html_()


def test_the_examples_in_the_docstring_run() -> None:
    assert doctest.testmod(helpers.lessons).failed == 0
