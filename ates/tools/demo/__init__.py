"""A company with a past: thirty days of a parrot company's work, written as the commands that people would have sent.

`people`, `titles` and `plan` are pure data and dates; `story` sends the plan's commands, day by day, and looks on.
Nothing here writes state: the agents decide who is dealt what, and what it costs.
"""
