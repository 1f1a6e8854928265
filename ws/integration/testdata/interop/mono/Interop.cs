// The other end of the interoperability test on ClientWebSocket.
using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

static class Interop
{
    static readonly string Big = Repeat("gr\u00fc\u00dfe, \u4e16\u754c ", 20000);

    static string Repeat(string text, int n)
    {
        var b = new StringBuilder();
        for (int i = 0; i < n; i++)
            b.Append(text);
        return b.ToString();
    }

    static Task Send(ClientWebSocket socket, byte[] data, WebSocketMessageType type, bool last)
    {
        return socket.SendAsync(new ArraySegment<byte>(data), type, last, CancellationToken.None);
    }

    static async Task<string> Receive(ClientWebSocket socket)
    {
        var buffer = new byte[65536];
        var message = new MemoryStream();
        for (;;) {
            var part = await socket.ReceiveAsync(new ArraySegment<byte>(buffer), CancellationToken.None);
            if (part.MessageType == WebSocketMessageType.Close)
                return "close:" + (int)socket.CloseStatus + ":" + socket.CloseStatusDescription;
            message.Write(buffer, 0, part.Count);
            if (!part.EndOfMessage)
                continue;
            if (part.MessageType == WebSocketMessageType.Binary)
                return "binary:" + message.Length;
            var text = Encoding.UTF8.GetString(message.ToArray());
            return text == Big ? "big" : "text:" + text.Replace(' ', '_');
        }
    }

    static async Task Run(string name, string url, bool talks, string proxy)
    {
        var seen = new List<string>();
        using (var socket = new ClientWebSocket()) {
            if (talks) {
                socket.Options.AddSubProtocol("superchat");
                socket.Options.AddSubProtocol("chat");
            }
            if (proxy != "")
                socket.Options.Proxy = new WebProxy("http://" + proxy);
            try {
                await socket.ConnectAsync(new Uri(url), CancellationToken.None);
                seen.Add("open " + (string.IsNullOrEmpty(socket.SubProtocol) ? "-" : socket.SubProtocol));
                if (talks) {
                    await Send(socket, Encoding.UTF8.GetBytes("hello"), WebSocketMessageType.Text, true);
                    await Send(socket, new byte[] { 1, 2, 255 }, WebSocketMessageType.Binary, true);
                    await Send(socket, Encoding.UTF8.GetBytes(Big), WebSocketMessageType.Text, true);
                    await Send(socket, Encoding.UTF8.GetBytes("in "), WebSocketMessageType.Text, false);
                    await Send(socket, Encoding.UTF8.GetBytes("pieces"), WebSocketMessageType.Text, true);
                    await Send(socket, Encoding.UTF8.GetBytes("last"), WebSocketMessageType.Text, true);
                }
                for (;;) {
                    var got = await Receive(socket);
                    seen.Add(got);
                    if (got == "text:last")
                        await socket.CloseOutputAsync((WebSocketCloseStatus)4001, "over", CancellationToken.None);
                    if (got.StartsWith("close:")) {
                        if (!talks)
                            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
                        break;
                    }
                }
            } catch (Exception error) when (error is WebSocketException || error is IOException) {
                seen.Add("failed");
                Console.Error.WriteLine("{0}: {1}", name, error);
            }
        }
        Console.WriteLine(name + ": " + string.Join(" ", seen));
    }

    static void Main(string[] args)
    {
        var url = args[1];
        Run("echo", url + "/echo", true, "").Wait();
        Run("bye", url + "/bye", false, "").Wait();
        Run("refused", url + "/refused", false, "").Wait();
        Run("proxy", args[3] + "/bye", false, args[2]).Wait();
    }
}
