"""The course's own package: libraries about flow logs, an offline AWS, and the learner's session.

The rooms and who may import whom are held by ``tests/test_architecture.py``.
"""
