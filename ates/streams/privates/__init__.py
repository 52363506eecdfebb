"""Private parts of Faust, aiokafka and librdkafka's client: no other module of the package touches them."""
