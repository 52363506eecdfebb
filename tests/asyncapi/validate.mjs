// Asks the AsyncAPI project's own parser what it thinks of a document; prints what it says against it, and exits by it.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";
import { AvroSchemaParser } from "@asyncapi/avro-schema-parser";

const parser = new Parser();
parser.registerSchemaParser(AvroSchemaParser());
const { document, diagnostics } = await parser.parse(readFileSync(process.argv[2], "utf8"));
for (const { severity, message, path } of diagnostics) console.log(JSON.stringify({ severity, message, path: path.join("/") }));
if (document) console.log(JSON.stringify({ channels: document.allChannels().length, operations: document.allOperations().length }));
process.exit(document && !diagnostics.some(({ severity }) => severity < 2) ? 0 : 1);
