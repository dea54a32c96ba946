// llama.cpp beside the runner, through node-llama-cpp: loads a model, then does what
// each line of JSON on stdin asks for and answers with a line on stdout.
// node peer.mjs MODEL SEQUENCES THREADS CONTEXT FLASH
import {createInterface} from "node:readline";
import {getLlama, LlamaCompletion} from "node-llama-cpp";

const [, , modelPath, sequences, threads, contextSize, flash] = process.argv;
const began = performance.now();
const llama = await getLlama({gpu: false, build: "never", progressLogs: false, logLevel: "error", maxThreads: +threads});
const model = await llama.loadModel({modelPath});
const context = await model.createContext({
  contextSize: +contextSize, sequences: +sequences, batchSize: 512, threads: +threads, flashAttention: flash === "on",
});
const all = Array.from({length: +sequences}, () => context.getSequence());
const answer = (value) => process.stdout.write(JSON.stringify(value) + "\n");
answer({load: performance.now() - began});

const random = () => 300 + Math.floor(Math.random() * (model.fileInfo.metadata.tokenizer.ggml.tokens.length - 400));
const operations = {
  // Reads a prompt of random tokens and writes some more, greedily.
  async pass({prompt, tokens}) {
    const sequence = all[0];
    await sequence.clearHistory();
    const start = performance.now();
    const it = sequence.evaluate(Array.from({length: prompt}, random), {temperature: 0, yieldEogToken: true});
    await it.next();
    const first = performance.now() - start;
    let n = 0;
    for (; n < tokens; n++) if ((await it.next()).done) break;
    return {first, rest: performance.now() - start - first, tokens: n};
  },
  // Answers documents behind a common prefix under a JSON schema: one completion after
  // the other on every sequence, all sequences at once, batched by the library.
  async documents({prefix, documents, schema, maxTokens}) {
    const grammar = await llama.createGrammarForJsonSchema(schema);
    for (const s of all) await s.clearHistory();
    const queue = [...documents];
    let tokens = 0, bad = 0;
    const start = performance.now();
    await Promise.all(all.map(async (contextSequence) => {
      const completion = new LlamaCompletion({contextSequence});
      for (let d = queue.shift(); d !== undefined; d = queue.shift()) {
        const text = await completion.generateCompletion(prefix + d, {grammar, maxTokens, temperature: 0, onToken: (t) => (tokens += t.length)});
        try { grammar.parse(text); } catch { bad++; }
      }
    }));
    return {ms: performance.now() - start, tokens, bad};
  },
};
for await (const line of createInterface({input: process.stdin})) {
  const request = JSON.parse(line);
  try { answer(await operations[request.op](request)); } catch (e) { answer({error: String(e)}); }
}
process.exit(0);
