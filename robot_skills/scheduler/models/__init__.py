"""Planners behind any OpenAI-compatible endpoint, and what stands between them and the robot.

`chat` is the contract with a model, `openai_chat` the endpoint, `exchange_file` and `exchanges` the
recording, `accounts` what it costs; `prompt`, `schema` and `answers` what is said; `model_planner`,
`fallback_planner` and `tree_walk` plan. Nothing is imported here: every run passes by.
"""
