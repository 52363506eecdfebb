package bench;

import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/** The work by Kafka Streams; works until it is stopped. The variables are those of every contender. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        Map<String, String> given = System.getenv();
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, given.get("BENCH_GROUP"));
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.get("BENCH_BROKER"));
        config.put(StreamsConfig.STATE_DIR_CONFIG, given.get("BENCH_STATE"));
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, given.get("BENCH_COMMIT_MS"));
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, given.get("BENCH_WORKERS"));
        config.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        boolean tuned = given.get("BENCH_TUNED").equals("1");
        if (tuned) {
            config.put(StreamsConfig.consumerPrefix("max.poll.records"), 4000);
            config.put(StreamsConfig.producerPrefix("batch.size"), 1 << 17);
        }
        KafkaStreams streams =
                new KafkaStreams(topology(given.get("BENCH_INPUT"), given.get("BENCH_OUTPUT"), tuned), config);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static Topology topology(String input, String output, boolean cached) {
        var bytes = Serdes.ByteArray();
        var balances = Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(Book.BALANCES), Serdes.String(), Serdes.Long());
        if (cached) {
            balances = balances.withCachingEnabled();
        }
        return new Topology()
                .addSource("in", bytes.deserializer(), bytes.deserializer(), input)
                .addProcessor("book", Book::new, "in")
                .addStateStore(balances, "book")
                .addSink("out", output, bytes.serializer(), bytes.serializer(), "book");
    }
}
