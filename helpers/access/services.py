"""The service principals that a trust policy may name.

IAM checks them against its live catalogue, which is not published; this list holds the principals that AWS
documentation and public policies name. A principal missing here is refused though AWS would take it: add it.
"""

_NAMES = """
access-analyzer account acm acm-pca airflow airflow-env amplify api.ecr-public apigateway appconfig appflow
application-autoscaling application-insights apprunner appstream appsync athena auditmanager autoscaling
aws-connector backup batch bedrock bedrock-agentcore billing braket budgets build.apprunner
cassandra.application-autoscaling ce chatbot chime cloud9 cloudformation cloudfront cloudhsm cloudsearch
cloudtrail cloudwatch cloudwatch-crossaccount cloudwatch.application-insights codeartifact codebuild
codecommit codedeploy codeguru-reviewer codepipeline codestar codestar-notifications cognito-idp cognito-
sync compute-optimizer config config-conforms config-multiaccountsetup connect controltower costalerts
costoptimization-hub datapipeline datasync dax deadline delivery.logs detective devicefarm devops-guru
directconnect discovery dlm dms docdb-elastic dynamodb dynamodb.application-autoscaling ec2 ec2.application-
autoscaling ec2fleet ec2scheduled ecr ecs ecs-tasks ecs.application-autoscaling edgelambda eks eks-fargate
eks-fargate-pods eks-nodegroup elasticache elasticbeanstalk elasticfilesystem elasticloadbalancing
elasticmapreduce elastictranscoder email.cognito-idp emr-containers emr-serverless events export.rds
finspace firehose fis fms forecast freertos fsx gamelift glacier globalaccelerator glue grafana greengrass
groundstation guardduty health healthlake iam imagebuilder importexport inspector inspector2 internetmonitor
iot iotanalytics iotevents iotfleetwise iotsitewise iotthingsgraph ivs jellyfish kafka kafkaconnect kendra
kinesis kinesisanalytics kinesisvideo kms lakeformation lambda lex lexv2 license-manager lightsail location
logdelivery.elasticloadbalancing logger.cloudfront logs lookoutequipment lookoutmetrics macie macie2
managedblockchain managedservices mediaconnect mediaconvert medialive mediapackage mediastore mediatailor
member.org.stacksets memorydb metering-marketplace mgn migrationhub mobilehub monitoring monitoring.rds mq
neptune-graph network-firewall networkmanager observability opensearch opensearchservice ops.apigateway
opsworks opsworks-cm organizations osis outposts personalize pinpoint pipes polly qbusiness quicksight ram
rds redshift redshift-serverless rekognition replication.dynamodb replicator.lambda resiliencehub resource-
explorer-2 resource-groups robomaker rolesanywhere route53 route53domains route53resolver s3 s3-outposts
s3.application-autoscaling sagemaker savingsplans scheduler secretsmanager securityhub securitylake
serverlessrepo servicecatalog servicediscovery servicequotas ses shield signer signin sms sns spotfleet sqs
ssm ssm-incidents ssm-quicksetup sso states storagegateway streams.metrics.cloudwatch sts support swf
synthetics tagging tasks.apprunner textract timestream transcribe transcribe.streaming transfer
transitgateway translate trustedadvisor tunnel.vpn verified-access voiceid vpc-flow-logs vpc-lattice waf
waf-regional wafv2 wellarchitected workdocs worklink workmail workspaces workspaces-web xray
"""

# Full names, e.g. ``vpc-flow-logs.amazonaws.com``.
SERVICE_PRINCIPALS = frozenset(f"{name}.amazonaws.com" for name in _NAMES.split())
