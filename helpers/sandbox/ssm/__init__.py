"""Systems Manager Run Command, all of it ours.

Parameter Store (the public AMI parameters) stays with moto.
"""
