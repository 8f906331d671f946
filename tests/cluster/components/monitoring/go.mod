module helios.dev/tests/cluster/monitoring

go 1.26.0

// The modules' CustomResourceDefinitions are copied; nothing of them is built.
require (
	github.com/GoogleCloudPlatform/prometheus-engine v0.17.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
