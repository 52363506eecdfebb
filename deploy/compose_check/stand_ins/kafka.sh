#!/bin/bash
# As apache/kafka starts: its own wrapper makes the configuration of the KAFKA_ variables in /opt/kafka/config.
set -e
test -w /opt/kafka/config/
test -w /opt/kafka/logs/
run() { java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn "$@"; }
java -cp '/opt/kafka/libs/*' kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \
  --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config
# shellcheck disable=SC2086
exec java $KAFKA_HEAP_OPTS -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*' kafka.Kafka /opt/kafka/config/server.properties
