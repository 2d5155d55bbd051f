// A client on REQ: send standard input as a message, so many times one after the other, and print the last reply.
const {Request} = require("zeromq");
const {readFileSync, writeSync} = require("node:fs");

async function main([endpoint, times]) {
  const message = readFileSync(0);
  const socket = new Request();
  socket.connect(endpoint);
  let reply = [];
  for (let number = 0; number < Number(times); number++) {
    await socket.send(message);
    reply = await socket.receive();
  }
  if (reply.length !== 1) process.exit(1);
  for (let written = 0; written < reply[0].length; ) written += writeSync(1, reply[0], written);
  socket.close();
}

main(process.argv.slice(2));
