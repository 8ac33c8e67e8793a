(()=>{const $=s=>document.querySelector(s);
const box=$("#q"),rows=[...document.querySelectorAll("tr[data-n]")];
if(box&&rows.length)box.addEventListener("input",()=>{const w=box.value.toLowerCase();for(const r of rows)r.hidden=!r.dataset.n.toLowerCase().includes(w)});
document.addEventListener("keydown",e=>{if(e.key==="/"&&box&&document.activeElement!==box){e.preventDefault();box.focus()}});
const wait=$("[data-wait]");
if(wait){const ask=async()=>{try{const s=await(await fetch("?status")).json();if(!s.pending){location.reload();return}wait.textContent=s.text}catch{}setTimeout(ask,1500)};setTimeout(ask,1000)}
const sum=$("[data-sum]");
if(sum){const show=t=>{const c=document.createElement("code");c.textContent=t.trim().replace(/^\\/,"").split(" ")[0];const b=document.createElement("button");b.textContent="Copy";b.onclick=async()=>{try{await navigator.clipboard.writeText(c.textContent);b.textContent="Copied"}catch{getSelection().selectAllChildren(c)}};sum.replaceChildren(c,b)};
const get=async()=>{sum.textContent="reading the file…";try{const r=await fetch("?sha256");if(!r.ok)throw 0;show(await r.text())}catch{sum.textContent="could not be computed"}};
const known=sum.dataset.sum;if(known)show(known);else if(sum.dataset.small)get();else{const a=sum.querySelector("a");if(a)a.onclick=e=>{e.preventDefault();get()}}}
})();
