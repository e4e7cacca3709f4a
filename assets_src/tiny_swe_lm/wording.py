"""Phrases of the generated sessions: system prompts, tasks and thoughts.

Fields in braces are filled with `str.format`: `fn` is the function, `mod` its file, `test` its test file, `pkg` the
package, `call` a failing call, `expected` its right value, `got` its actual value, `line` a line number.
"""

from __future__ import annotations

SYSTEM = [
    "You work on programming tasks at a computer, which answers every command that you give.",
    "You are a software engineer working in a terminal. Fix the issue described below.",
    "You are an autonomous programmer. You interact with a shell, one command at a time.",
    "You change code by bash commands alone.\n\nEach reply has a THOUGHT, which says why, and after it ONE bash block "
    "with one command; several can be joined by && in it. A reply with two blocks is not run.",
    "You are an expert Python developer. Work in small steps: look, reproduce, change, verify.",
    "A repository is checked out, and you are at its command line. Every command starts a shell of its own: neither "
    "the current directory nor variables outlive it.",
]
SYSTEM_JSON = [
    'You are a coding agent. Call the tool `bash` with a JSON object: {"command": "..."}.',
    "You have access to one tool, bash. Its only argument is command, a string. Give one call in each turn.",
]
SYSTEM_EDITOR = [
    "You solve tasks at a computer, by calling tools and reading what they answer.",
    "You have two tools: `bash` runs a shell command, `str_replace_editor` views, creates and edits files. Paths are "
    "absolute. Give one call in each turn.",
    "You are a programming agent. Look at the code with `bash` and `str_replace_editor`, change it, check it, and call "
    "`submit` when you are done.",
]
TASK_FRAMES = [
    "<request>\nSomebody opened this request:\n{issue}\n</request>\n\n{rules}",
    "Please solve this issue: {issue}\n\n{rules}",
    "There is a repository in {root}, and this was reported about it:\n\n<issue>\n{issue}\n</issue>\n\n{rules}",
    "{issue}\n\n{rules}",
    "# Issue\n\n{issue}\n\n## What to do\n\n{rules}",
]
RULES = [
    "Change as little as possible, and nothing in the tests. The last command is `{submit}`, alone in its block.",
    "## One way to go about it\n\n1. Read the files that the report is about\n2. Show the error with a small script\n"
    "3. Change the source\n4. Run the script once more\n5. Try inputs at the edges\n6. Hand in with `{submit}`",
    "The sources are in {root}; change them there and leave the tests as they are. Hand in with: {submit}",
    "You start in {root}. When everything that is asked for is there, end with `{submit}`.",
    "Follow these steps: find the code, reproduce the error, fix the source, rerun, think about edge cases. End with "
    "`{submit}`.",
]
BUG_ISSUES = [
    "`{fn}` returns a wrong result\n\n{fn}{call} returns {got} but it should return {expected}.",
    "Wrong output of `{fn}` in `{mod}`\n\nSteps to reproduce:\n\n```python\nfrom {dotted} import {fn}\n"
    "print({fn}{call})\n```\n\nActual result:\n```\n{got}\n```\n\nExpected result:\n```\n{expected}\n```",
    "BUG: {fn} misbehaves\n\nDescription\n\nI was using {pkg} and noticed that\n\n    >>> from {dotted} import {fn}\n"
    "    >>> {fn}{call}\n    {got}\n\nI would expect {expected} here. It worked in the previous release.",
    "{fn}: unexpected behavior\n\n### What happened?\nCalling `{fn}{call}` gives `{got}`.\n\n### What did you expect?\n"
    "`{expected}`, as documented.\n\n### Version\nmain branch, Python 3.11",
    "Regression in {dotted}\n\nAfter the last refactoring `{fn}{call}` no longer gives `{expected}`; we get `{got}` "
    "instead. The tests in {test} should cover this.",
]
OTHER_ISSUES = [
    "`{fn}` in `{mod}` is wrong\n\nSince the last change {mod} no longer does what it did. The part with `{fn}` needs "
    "to be corrected.",
    "{mod}: problem near line {line}\n\nSomething is off around `{fn}`. Please have a look and fix it.",
    "Fix `{fn}`\n\nI think that a recent commit broke {mod}: `{fn}` does not behave as before.",
]
NEW_FILE_ISSUES = [
    "Add `{mod}`\n\nThe project needs a file `{mod}` with `{fn}`. Keep to the style of the other files.",
    "Missing file {mod}\n\n`{fn}` is used elsewhere, but {mod} was never committed. Please write it.",
]
FEATURE_ISSUES = [
    "Add `{fn}` to `{dotted}`\n\nWe need a function `{fn}({params})`. For example, `{fn}{call}` "
    "should return `{expected}`.",
    "Implement {fn}\n\n`{mod}` declares `{fn}` but it only raises NotImplementedError. Please implement it.\n\n"
    "```python\n>>> {fn}{call}\n{expected}\n```",
    "Missing helper `{fn}`\n\nOther modules expect `{pkg}` to have a helper called `{fn}`, taking {params}. It is "
    "missing in {mod}.\n\nExamples:\n\n    {fn}{call} == {expected}",
]
RENAME_ISSUES = [
    "Rename `{fn}` to `{new}`\n\nThe name `{fn}` is confusing. Rename it to `{new}` everywhere in {pkg}, "
    "including the tests.",
    "API cleanup: `{fn}` should be called `{new}`\n\nAll callers have to be updated. Nothing else should change.",
]
LOOK = [
    "Let me start by exploring the repository structure.",
    "I'll start by looking at the structure of the project to understand what I'm working with.",
    "First, I need to understand the layout of the repository.",
    "Let me look at the files in the current directory.",
    "To begin, let me see what is in this repository.",
    "I need to find the relevant code first. Let me explore the repository structure.",
]
LOCATE = [
    "Now let me find where `{fn}` is defined.",
    "Let me search for `{fn}` in the codebase.",
    "I need to locate the definition of {fn} and its usages.",
    "Let's grep for the function mentioned in the issue.",
    "The issue mentions `{fn}`. Let me find it.",
]
VIEW = [
    "Let me look at the implementation of `{fn}` in {mod}.",
    "Found it. Now let me read the code around line {line}.",
    "Let me view the relevant part of {mod}.",
    "Now I'll examine the source of {mod} to understand how {fn} works.",
    "I see, the function is in {mod}. Let me take a look at it.",
]
VIEW_TESTS = [
    "Let me look at the existing tests for this module.",
    "Let me check how the tests exercise `{fn}`.",
    "There is a test file. Let me see what it covers.",
    "Now let me look at {test} to understand the expected behavior.",
]
REPRODUCE = [
    "Let me create a script to reproduce the issue.",
    "Now I'll write a small script that shows the problem.",
    "Before changing anything, let me reproduce the bug.",
    "I'll reproduce the issue described in the task first.",
    "Let me confirm the behavior with a quick reproduction script.",
]
RUN = [
    "Now let me run it.",
    "Run the script to see the current behavior.",
    "Let me run the reproduction script.",
    "Let's see the output.",
]
FIX = [
    "I can see the issue now. On line {line} the code is wrong: it should be `{right}` instead of `{wrong}`.",
    "The problem is `{wrong}`. It has to be `{right}`. Let me fix this.",
    "I've found the bug. In `{fn}`, `{wrong}` does not handle this case. I'll change it to `{right}`.",
    "The output confirms the problem: {fn} returns {got} rather than {expected}. The cause is in {mod}. "
    "Let me apply the fix.",
    "Looking at the code, the root cause is clear. I will correct `{fn}` now.",
    "Now I understand the problem. Let me make the minimal change in {mod}.",
]
WRITE = [
    "Now I'll implement `{fn}` in {mod}.",
    "Let me write the implementation of `{fn}`.",
    "I'll replace the placeholder with a real implementation.",
    "The function has to handle the examples in the issue. Let me add it to {mod}.",
]
EDIT_OTHER = [
    "I'll change this part of {mod}.",
    "The lines around {line} are wrong. Let me correct them.",
    "Now I see what `{fn}` has to do here. I'll edit the file.",
    "This is the place. Let me make the change.",
    "Line {line} is the culprit. It should read `{right}`.",
    "Here `{wrong}` has to become `{right}`.",
]
RETRY = [
    "That did not work. Let me check the file again and use another way to edit it.",
    "The replacement did not match. I'll use a Python script instead.",
    "The command failed, let me look at what went wrong.",
    "Hmm, nothing changed. Let me try a different approach.",
]
CHECK = [
    "Let me verify the change was applied correctly.",
    "Let me check the diff.",
    "Let me view the modified code to make sure that it is right.",
    "Now let me double check the edit.",
]
VERIFY = [
    "Now let me run the reproduction script again to verify the fix.",
    "Let me verify that the fix works.",
    "The change looks good. Let me rerun the script.",
    "Now check that the issue is resolved.",
]
TESTS = [
    "Let me run the existing tests to make sure nothing else broke.",
    "Now let me run the test suite.",
    "The fix works. Let me run the tests to check for regressions.",
    "Let me run the tests for this module.",
]
EDGES = [
    "Let me also test some edge cases to make sure that the fix is robust.",
    "Now I want to check a few more inputs.",
    "Let me write a more comprehensive test script covering edge cases.",
    "Let me verify a few other cases as well.",
]
ADD_TEST = [
    "Let me add a regression test for this.",
    "I'll add a test case to {test} so that this does not break again.",
    "A test for the new behavior would be good. Let me add it.",
]
CLEAN = [
    "Everything works. Let me remove the temporary script.",
    "All tests pass. Let me clean up the files I created.",
    "Clean up the reproduction script before submitting.",
]
STATUS = [
    "Let me check the final state of the repository.",
    "Let me review the complete diff.",
    "Let me see which files changed.",
]
SUBMIT = [
    "The fix is complete and verified. I'm ready to submit.",
    "All the changes are done and the tests pass. Submitting the final result.",
    "Everything works as expected. Let me submit the work.",
    "The issue is resolved, so I will finish here.",
]
