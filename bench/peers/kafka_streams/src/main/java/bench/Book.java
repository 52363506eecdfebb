package bench;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Books one event: Avro without framing in and out, readers, writers and buffers used again. */
final class Book implements Processor<byte[], byte[], byte[], byte[]> {
    static final String BALANCES = "balances";

    private final SpecificDatumReader<Booked> reader = new SpecificDatumReader<>(Booked.class);
    private final SpecificDatumWriter<Balance> writer = new SpecificDatumWriter<>(Balance.class);
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(256);
    private final Booked booked = new Booked();
    private final Balance balance = new Balance();
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<String, Long> balances;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        this.balances = context.getStateStore(BALANCES);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        try {
            decoder = DecoderFactory.get().binaryDecoder(record.value(), decoder);
            reader.read(booked, decoder);
            String account = booked.getAccountId().toString();
            Long before = balances.get(account);
            long after = (before == null ? 0 : before) + booked.getAmountCents();
            balances.put(account, after);
            context.forward(record.withValue(result(after)));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private byte[] result(long after) throws IOException {
        balance.setBookingId(booked.getBookingId());
        balance.setAccountId(booked.getAccountId());
        balance.setAmountCents(booked.getAmountCents());
        balance.setBalanceCents(after);
        balance.setBookedAt(booked.getBookedAt());
        out.reset();
        encoder = EncoderFactory.get().binaryEncoder(out, encoder);
        writer.write(balance, encoder);
        encoder.flush();
        return out.toByteArray();
    }
}
