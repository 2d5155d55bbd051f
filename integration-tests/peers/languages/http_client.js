// A client with fetch: post standard input, so many times one after the other, and print the last reply.
const {readFileSync, writeSync} = require("node:fs");

async function main([url, times]) {
  const body = readFileSync(0);
  let reply = Buffer.alloc(0);
  for (let number = 0; number < Number(times); number++) {
    const response = await fetch(url, {method: "POST", body, headers: {"Content-Type": "text/plain; charset=utf-8"}});
    if (response.status !== 200) process.exit(1);
    reply = Buffer.from(await response.arrayBuffer());
  }
  for (let written = 0; written < reply.length; ) written += writeSync(1, reply, written);
}

main(process.argv.slice(2));
