"""Six rules that hold for every format, tested on real files.

`FORMATS` has one row for each format: a real file, and a short function that parses it without the package. Each rule
compares the result of this function with the trajectory that the package reads.

1. Only text of the model is scored: the generated texts, joined, are its replies and nothing else.
2. An action that occurs in the file twice is read once.
3. Position and marks decide what an observation is, not the role.
4. An action is kept as it was written, together with its meaning (tool and arguments).
5. Not every action was executed.
6. The outcome is in a column, or in a report beside the file.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.builders import read_record


@dataclass
class Found:
    """What was found in a file."""

    generated: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    meanings: list[Any] = field(default_factory=list)
    """For each action the shell command; for other tools all arguments."""
    executed: list[bool | None] = field(default_factory=list)
    observations: list[str] = field(default_factory=list)
    resolved: bool | None = None


def flat(content):
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content)
    return content or ""


def xml(block):
    """The command of a shell call written in tags; for other tools all arguments."""
    values = dict(re.findall(r"<parameter=(\w+)>(.*?)</parameter>", block, re.DOTALL))
    shell = re.match(r"<function=(execute_bash|bash)>", block)
    return values["command"] if shell else values


def stripped(block):
    """The same as SWE-agent reads it: line ends around a value are not part of it."""
    values = xml(block)
    return values.strip("\n") if isinstance(values, str) else {key: value.strip("\n") for key, value in values.items()}


def fence(block):
    return block.partition("\n")[2].rpartition("\n")[0].strip()


def written(messages, pattern, meaning, refused="\0", own=("assistant",), key="content"):
    """Actions in the text of replies. The next message is the answer. A reply is refused if its answer starts so."""
    found = Found()
    for message, answer in zip(messages, [*messages[1:], None], strict=True):
        text = flat(message[key])
        if message.get("role", message.get("from")) not in own:
            continue
        found.generated.append(text)
        after = flat(answer[key]) if answer else ""
        block = None if after.startswith(refused) else re.search(pattern, text, re.DOTALL)
        if block:
            found.actions.append(block.group())
            found.meanings.append(meaning(block.group()))
            found.executed.append(True if answer else None)
            found.observations += [after] if answer else []
    return found


def native(messages, results="tool"):
    """Native calls. A call ran if a result has its id."""
    found = Found()
    answered = {
        name for m in messages if m["role"] == results for name in m.get("tool_call_ids") or [m["tool_call_id"]]
    }
    for message in messages:
        if message["role"] == results:
            found.observations.append(flat(message["content"]))
        if message["role"] != "assistant":
            continue
        found.generated += [message.get("reasoning_content") or "", flat(message["content"])]
        for call in message.get("tool_calls") or []:
            emitted = call["function"]["arguments"]
            arguments = json.loads(emitted)
            found.generated.append(emitted)
            found.actions.append(emitted)
            shell = call["function"]["name"] in ("bash", "execute_bash")
            found.meanings.append(arguments["command"] if shell else arguments)
            found.executed.append(True if call["id"] in answered else None)
    return found


BASH = r"```(?:bash|mswea_bash_command)\n.*?\n```"
TAGS = r"<function=.*?(</function>|\Z)"
NOTE = "Please always provide EXACTLY ONE action"


def mini_0(data, path):
    found = written(data, BASH, fence)
    del found.observations[-1]  # the patch, which is returned to the model
    return found


def mini_1(data, path):
    found = written(data["messages"], BASH, fence, refused=NOTE)
    del found.observations[-1]
    found.resolved = json.loads((path.parent / "report.json").read_text())["resolved"]
    return found


def mini_11(data, path):
    found = native(data["messages"])
    if data["info"]["exit_status"] == "Submitted":
        found.executed[-1] = True
    summaries = path.parent.parent.glob(f"*.{path.parent.name}.json")
    found.resolved = any(data["instance_id"] in json.loads(s.read_text())["resolved_ids"] for s in summaries) or None
    return found


def swe_agent(pattern, meaning):
    def find(data, path):
        history = [m for m in data["history"] if not m.get("is_demo") and not flat(m["content"]).startswith("Exit due")]
        found = native(history) if pattern is None else written(history, pattern, meaning)
        # replies that were requested again are only in the steps, without an action, like the exit note
        asked_again = [step["response"] for step in data["trajectory"] if not step["action"]]
        found.generated += [text for text in asked_again if not text.startswith("Exit due")]
        if data["info"]["exit_status"] == "submitted":  # the last command ran, and the patch replaces its output
            found.executed[-1] = True
            found.observations = [text for text in found.observations if data["info"]["submission"].strip() not in text]
        return found

    return find


def harbor_mini(data, path):
    """Each command occurs in the message, and again as a tool call."""
    found = Found(resolved=reward(path))
    for step in data["steps"]:
        answers = [result["content"] for result in step.get("observation", {}).get("results", [])]
        if step["source"] != "agent":
            continue
        found.generated.append(step["message"])
        if answers and answers[0].startswith(NOTE):
            continue
        found.actions += re.findall(BASH, step["message"], re.DOTALL)
        found.meanings += [call["arguments"]["command"] for call in step["tool_calls"]]
        found.executed += [True] * len(step["tool_calls"]) if answers else [None] * len(step["tool_calls"])
        found.observations += [answer for answer in answers if answer]
    return found


def terminus(data, path):
    """The message was rewritten from the model's JSON. One result is for all commands of a step."""
    found = Found(resolved=reward(path))
    for step in data["steps"]:
        answers = [result["content"] for result in step.get("observation", {}).get("results", [])]
        found.observations += answers
        for call in step.get("tool_calls", []):
            emitted = json.dumps(call["arguments"], ensure_ascii=False)
            own = call["function_name"] == "bash_command"
            found.generated += [emitted] if own else []
            found.actions.append(emitted)
            found.meanings.append(call["arguments"]["keystrokes"] if own else call["arguments"])
            found.executed.append(True if answers else None)
    return found


def reward(path):
    verifier = json.loads((path.parent / "result.json").read_text())["verifier_result"]
    return verifier and verifier["rewards"]["reward"] == 1


def openhands_events(data, path):
    row, data = (data, data["history"]) if isinstance(data, dict) else ({}, data)
    found, caused = Found(resolved=row.get("report", {}).get("resolved")), {event.get("cause") for event in data}
    for event in data:
        if "observation" in event and "tool_call_metadata" in event:
            found.observations.append(
                event["extras"].get("formatted_output_and_error") or event["content"]
            )  # as the model saw it
        if event.get("action") == "message" and event["source"] == "agent":
            found.generated.append(event["args"]["content"])
        if "action" not in event or "tool_call_metadata" not in event:
            continue
        message = event["tool_call_metadata"]["model_response"]["choices"][0]["message"]
        (call,) = message["tool_calls"]
        arguments = json.loads(call["function"]["arguments"])
        found.generated += [message["content"] or "", call["function"]["arguments"]]
        if call["function"]["name"] == "think":  # a thought, written as a call
            continue
        found.actions.append(call["function"]["arguments"])
        found.meanings.append(arguments["command"] if call["function"]["name"] == "execute_bash" else arguments)
        found.executed.append(True if event["id"] in caused else None)
    return found


def openhands_log(data, path):
    found = native([*data["messages"], {**data["response"]["choices"][0]["message"], "role": "assistant"}])
    return found


def traces(data, path):
    """The last episode contains all earlier ones."""
    found = Found()
    turns = data[-1]["conversations"]
    for turn, answer in zip(turns, [*turns[1:], None], strict=True):
        if turn["role"] != "assistant":
            continue
        found.generated.append(turn["content"])
        if answer and answer["content"].startswith("Previous response had parsing errors"):
            continue
        found.observations += [answer["content"]] if answer else []
        for block in re.findall(r'\{\s*"keystrokes".*?\}', turn["content"], re.DOTALL):
            found.actions.append(block)
            found.meanings.append(json.loads(block)["keystrokes"])
            found.executed.append(True if answer else None)
    return found


def atif_openhands(data, path):
    """The message is a caption of the interface."""
    found = Found()
    for step in data["steps"]:
        for call in step.get("tool_calls") or []:
            emitted = json.dumps(call["arguments"], ensure_ascii=False)
            found.generated.append(emitted)
            found.actions.append(emitted)
            found.meanings.append(
                call["arguments"]["command"] if "bash" in call["function_name"] else call["arguments"]
            )
            found.executed.append(True if step.get("observation") else None)
        if step["source"] == "agent":
            found.observations += [r["content"] for r in step.get("observation", {}).get("results", []) if r["content"]]
            found.generated += [] if step.get("tool_calls") else [step["message"]]
    return found


def openhands_sdk(data, path):
    found = Found(
        observations=[e["observation"]["content"][0]["text"] for e in data if e["kind"] == "ObservationEvent"]
    )
    answers = {e["action_id"]: e["observation"]["content"][0]["text"] for e in data if e["kind"] == "ObservationEvent"}
    for event in data:
        if event["kind"] == "ActionEvent":
            found.generated += [event["thought"][0]["text"], event["tool_call"]["arguments"]]
            found.actions.append(event["tool_call"]["arguments"])
            found.meanings.append(event["action"]["command"])
            found.executed.append("Cannot execute multiple commands" not in answers[event["id"]])
    return found


def swe_smith(data, path):
    messages = json.loads(data["messages"]) if isinstance(data["messages"], str) else data["messages"]
    messages = [m[0] if isinstance(m, list) else m for m in messages]
    found = written(messages, TAGS, stripped)
    if "patch" in data and not found.executed[-1]:  # the call that produced the patch
        found.executed[-1] = True
    found.resolved = data.get("resolved")
    return found


def nebius(data, path):
    turns = [{"role": t["role"], "content": t["text"]} for t in data["trajectory"]]
    found = written(turns, r"```\n[^`]*```\Z", fence, own=("ai",))
    if data["exit_status"] == "submitted":
        found.executed[-1] = True
    found.resolved = data["target"]
    return found


def swe_gym(data, path):
    found = native(data["messages"])
    found.resolved = data["resolved"]
    return found


def chat(pattern, meaning, key="content", own=("assistant",)):
    def find(data, path):
        found = written(data.get("messages") or data["conversations"], pattern, meaning, key=key, own=own)
        found.resolved = data.get("verified")
        return found

    return find


def claude_code(data, path):
    found = Found()
    for line in data:
        blocks = line.get("message", {}).get("content", [])
        for block in blocks if isinstance(blocks, list) else []:
            if block["type"] == "tool_result":
                found.observations.append(flat(block["content"]))
            elif block["type"] == "tool_use":
                found.generated.append(json.dumps(block["input"], ensure_ascii=False))
                found.actions.append(found.generated[-1])
                found.meanings.append(block["input"]["command"] if block["name"] == "Bash" else block["input"])
                found.executed.append(True)
            elif line["type"] == "assistant":
                found.generated.append(block["text"])
    return found


def codex(data, path):
    items = [line["payload"] for line in data if line["type"] == "response_item"]
    found = Found(observations=[flat(item["output"]) for item in items if item["type"] == "function_call_output"])
    for item in items:
        if item.get("role") == "assistant":
            found.generated.append(flat(item["content"]))
        if item["type"] == "function_call":
            found.generated.append(item["arguments"])
            found.actions.append(item["arguments"])
            found.meanings.append(json.loads(item["arguments"])["cmd"])
            found.executed.append(True)
    return found


ATIF = "atif/{}/agent_trajectory.json"
LOGS = "openhands/sdk_llm_logs/"
ROWS = "dataset_rows/{}.jsonl"
FORMATS = [
    ("mini-swe-agent 0", "mini_swe_agent_0/v0_bare_list_github_issue.traj.json", mini_0),
    ("mini-swe-agent 1", "mini_swe_agent_1/sympy__sympy-20438/sympy__sympy-20438.traj.json", mini_1),
    ("mini-swe-agent 1.1", "mini_swe_agent_1.1/deepseek_chat_dev/pydicom__pydicom-1256.traj.json", mini_11),
    ("mini-swe-agent 1.1, error", "mini_swe_agent_1.1/exit_InternalServerError.traj.json", mini_11),
    ("SWE-agent text", "swe_agent/thought_action_text.traj", swe_agent(r"```\n[^`]*```\Z", fence)),
    ("SWE-agent 0, demonstration", "swe_agent/v0_pydicom-1458.traj", swe_agent(r"```\n[^`]*```\Z", fence)),
    ("SWE-agent, exit note", "swe_agent/django__django-11815.traj", swe_agent(TAGS, stripped)),
    ("SWE-agent calls", "swe_agent/function_calling.traj", swe_agent(None, None)),
    ("SWE-agent tags", "swe_agent/psf__requests-2931.traj", swe_agent(TAGS, stripped)),
    ("OpenHands events", "openhands/runtime_trajs/tests__runtime__trajs__basic.json", openhands_events),
    (
        "OpenHands log",
        LOGS + "llm-logs/litellm_proxy__anthropic__claude-sonnet-4-20250514-1757015025.972.json",
        openhands_log,
    ),
    ("OpenHands row", "openhands/multi_swe_bench_output.jsonl", openhands_events),
    ("OpenHands SDK", "openhands/sdk_events.jsonl", openhands_sdk),
    ("SWE-smith", ROWS.format("swe_smith"), swe_smith),
    ("SWE-smith xml", ROWS.format("swe_smith_xml"), swe_smith),
    ("nebius", ROWS.format("nebius_swe_agent"), nebius),
    ("SWE-Gym", ROWS.format("swe_gym_openhands"), swe_gym),
    ("messages, tags", ROWS.format("openai_messages_swe_play"), chat(TAGS, xml)),
    ("messages, fences", ROWS.format("openai_messages_mini_coder"), chat(BASH, fence)),
    ("ShareGPT", ROWS.format("sharegpt_swe_gym"), chat(r"<function=.*?</function>", xml, key="value", own=("gpt",))),
    ("ShareGPT, code", ROWS.format("sharegpt_codeact"), chat(r"<execute>.*?</execute>", lambda b: {"code": b[10:-11]})),
    ("ATIF of mini-swe-agent", ATIF.format("mini-swe-agent_ATIF-v1.2_reward0.0_1"), harbor_mini),
    ("ATIF of terminus-2", ATIF.format("terminus-2_ATIF-v1.6_reward1.0_2"), terminus),
    ("ATIF of OpenHands", "atif/harbor_golden/openhands__hello-world.trajectory.json", atif_openhands),
    ("Harbor traces", "atif/harbor_golden/terminus_2__hello-world-invalid-json.traces.json", traces),
    ("Claude Code", "cli_sessions/claude_code_sample_session.jsonl", claude_code),
    ("Codex CLI", "cli_sessions/codex_rollout_sample.jsonl", codex),
]


def meaning(call):
    return call.arguments["command"] if call.tool == "bash" else call.arguments


RULES = {
    "1 only the model's text": lambda f: "".join(f.generated),
    "2 each action once": lambda f: f.actions,
    "3 observations": lambda f: f.observations,
    "4 what an action meant": lambda f: f.meanings,
    "5 what ran": lambda f: f.executed,
    "6 success": lambda f: f.resolved,
}


def as_read(segments, resolved):
    actions = [s for s in segments if s.kind == "action"]
    calls = [call for segment in segments for call in segment.calls]
    return Found(
        generated=[s.text for s in segments if s.generated],
        actions=[s.text for s in actions],
        meanings=[meaning(call) for call in calls],
        executed=[call.executed for call in calls],
        observations=[s.text for s in segments if s.kind == "observation"],
        resolved=resolved,
    )


@pytest.fixture(scope="module")
def found(real_trajectories):
    """By format: what the short function finds in the file, and what the reader finds."""
    pairs = {}
    for name, file, find in FORMATS:
        path = real_trajectories / file
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        events = file.startswith("cli_sessions") or "sdk_events" in file
        data = [json.loads(line) for line in lines] if events else json.loads(lines[0])
        native_file_beside = path.with_name(f"alone_{path.name}") if name.startswith("ATIF") else path
        trajectory = read_record(data[-1] if find is traces else data, native_file_beside)
        pairs[name] = find(data, path), as_read(trajectory.segments, trajectory.resolved)
    return pairs


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", [row[0] for row in FORMATS])
def test_every_rule_holds_for_every_format(found, name, rule):
    expected, read = map(RULES[rule], found[name])
    assert read == expected
