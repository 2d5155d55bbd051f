// A client with net/http: post standard input, so many times one after the other, and print the last reply.
package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strconv"
)

func main() {
	body, err := io.ReadAll(os.Stdin)
	times, _ := strconv.Atoi(os.Args[2])
	var reply []byte
	for number := 0; number < times && err == nil; number++ {
		var response *http.Response
		response, err = http.Post(os.Args[1], "text/plain; charset=utf-8", bytes.NewReader(body))
		if err == nil {
			reply, err = io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != 200 {
				os.Exit(1)
			}
		}
	}
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(reply)
}
