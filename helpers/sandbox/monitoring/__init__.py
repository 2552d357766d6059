"""CloudWatch metrics, alarms and dashboards, and the SNS topics that alarms tell.

moto's CloudWatch is not used: there alarms are never evaluated. Everything is state of a Region, and points, states and
messages follow from calls and the clock alone, so a replay of the journal gives the same again.
"""
