"""The lab that notebook 01 builds: the private addresses of its machines, and the blocks of its networks."""

CLIENT, APP, WEB, DB = "10.1.0.10", "10.1.1.10", "10.2.0.10", "10.2.1.10"
# Private address -> short name, as Lab.find takes it.
MACHINES = {CLIENT: "client-a", APP: "app-a", WEB: "web-b", DB: "db-b"}
VPC_A, VPC_B, LAB_WIDE = "10.1.0.0/16", "10.2.0.0/16", "10.0.0.0/8"
APP_SUBNET, WEB_SUBNET = "10.1.1.0/24", "10.2.0.0/24"
