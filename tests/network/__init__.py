"""A network that misbehaves between a client and real brokers: frames of Kafka's protocol cut, held, late, lost."""
