// A server with Node's http: answer each body with itself, in chunks.
const http = require("node:http");

http
  .createServer((request, response) => {
    response.writeHead(200, {"Content-Type": "text/plain; charset=utf-8"});
    request.pipe(response);
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
