"""Quotas, each in an account of its own: they count what other tests made."""


def test_the_quota_of_five_vpcs_counts_the_default_one(fresh_sandbox, refused):
    ec2, made = fresh_sandbox.client("ec2"), []
    while len(ec2.describe_vpcs()["Vpcs"]) < 5:
        made.append(ec2.create_vpc(CidrBlock=f"10.5{len(made)}.0.0/16")["Vpc"]["VpcId"])
    assert len(made) == 4
    code, message = refused(ec2.create_vpc, CidrBlock="10.99.0.0/16")
    assert (code, message) == ("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
    for vpc in made:
        ec2.delete_vpc(VpcId=vpc)
    acls = {each["VpcId"] for each in ec2.describe_network_acls()["NetworkAcls"]}
    assert not acls & set(made)
