// A server on REP: answer each message with itself.
const {Reply} = require("zeromq");

async function main([endpoint]) {
  const socket = new Reply();
  await socket.bind(endpoint);
  console.log("ready");
  for await (const [message] of socket) await socket.send(message);
}

main(process.argv.slice(2));
